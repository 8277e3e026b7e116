"""The command line and the SDK. Never imports the reactor."""
