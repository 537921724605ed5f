"""Customer messages in; tickets with an intent, a team and a priority out."""
