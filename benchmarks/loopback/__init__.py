"""What benchmarks and crash tests talk to: servers on loopback, each a process of its own, that count."""
