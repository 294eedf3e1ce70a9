"""The site for WSGI servers: `gunicorn wsgi`, uWSGI's `module = wsgi`, or `from wsgi import application`.

The `.env` beside this file is read, from whatever folder the server starts.
"""

import gc

from commentsite import create_app

application = app = create_app()
# What is there by now stays: the collector need not look through it again with every few pages, which takes as long as
# a page does.
gc.freeze()
