"""Credentials, tokens and personal data are in no log and no error, and go to no other host.

Secrets are planted wherever the package gets hold of any; then calls succeed and fail in every way, with everything
logged. What was logged and raised is searched, and so is what went to another origin.
"""
