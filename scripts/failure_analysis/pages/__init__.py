"""What people look at in a browser: the review app, its static page, journals."""
