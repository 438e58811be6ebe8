"""What the mail channels share: whose mail is taken, what its headers say, and the polite answer.

Mail comes in by :mod:`~tieout.connectors.mail_smtp` (a server of ours) or :mod:`~tieout.connectors.mail_imap` (a
mailbox of yours). Either takes the whole message as it came; what is attached becomes documents of their own at the
intake.
"""

from tieout.connectors.mail.answers import MailAnswers
from tieout.connectors.mail.config import AnswersConfig
from tieout.connectors.mail.letter import read_letter
from tieout.connectors.mail.senders import SenderRules

__all__ = ["AnswersConfig", "MailAnswers", "SenderRules", "read_letter"]
