"""A small local model behind the OpenAI API: rules and statistics that fill a JSON schema; no language model."""
