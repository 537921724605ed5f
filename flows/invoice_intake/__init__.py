"""Supplier documents in; posted invoices and queued reviews out."""
