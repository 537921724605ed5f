"""The steps that a flow is written with: thin Prefect tasks over fulcrum and blocks."""
