"""What every process shares; it knows nothing of Prefect."""
