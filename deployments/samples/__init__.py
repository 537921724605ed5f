"""The samples of invoice intake, the paper of one fictional company: what it says, and how its PDFs are made."""
