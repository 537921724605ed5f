"""What the benchmark of drift checks watches: messages, a model that reads them, people who answer."""
