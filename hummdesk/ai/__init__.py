"""Classification of messages and drafting of replies, behind one protocol.

Start with `protocol` (what a provider receives and returns), then `providers` (which one answers). `embedded` holds the
local models, `external` the clients of model APIs, `knowledge_base` the knowledge of an account in the database.
Importing `hummdesk.ai` or `hummdesk.ai.protocol` loads no model and no third-party package.
"""
