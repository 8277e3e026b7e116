"""Galaxy: a data-centre operating system. Start at docs/architecture.md."""
