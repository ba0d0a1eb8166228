"""The command line and the page with its API: the only places that parse, print and exit."""
