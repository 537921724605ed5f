"""One model call, end to end: prompt, client, cost, confidence."""
