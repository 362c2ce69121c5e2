"""The review page for people: a small local web app, and the same page as one static file."""
