"""Programs that show how the SDK is used; `README.md` says how to run each."""
