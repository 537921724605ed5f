"""The sample help desk: a small system that takes deliveries over HTTP, so that a webhook target has one to deliver to.

It stands where a company has a help desk of its own. It is started by the local stack or by itself, with
`python -m deployments.desk`, and imports neither Prefect nor the ledger.
"""

HOST = "127.0.0.1"
"""It listens to this machine alone."""

TICKETS = "/tickets"
"""The path that deliveries are posted to, and asked for."""
