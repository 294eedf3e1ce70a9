"""The site for WSGI servers: `gunicorn wsgi`, uWSGI's `module = wsgi`, or `from wsgi import application`.

The `.env` beside this file is read, from whatever folder the server starts.
"""

from commentsite import create_app

application = app = create_app()
