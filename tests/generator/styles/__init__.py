"""Styles that the API's document may adopt tomorrow: each as a small document, with what comes out of it."""
