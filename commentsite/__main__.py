"""`python -m commentsite` is the `commentsite` command."""

from .cli import main

main()
