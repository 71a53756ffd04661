"""Reading of mails: the text that the sender wrote, without quoted mails, signatures and legal disclaimers.

Start with `newest`. `quotes` finds quoted and forwarded mails, `signatures` what stands below a mail's text, `phrases`
loads the words of 17 languages by which both are recognized. Lines are searched for fixed phrases, not by regular
expressions: customers choose the text, and time grows linearly with it.
"""
