"""What classifies and drafts, behind one protocol; importing the package loads none of it."""
