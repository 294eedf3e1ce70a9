"""The site for WSGI servers: `gunicorn wsgi`, uWSGI's `module = wsgi`, or `from wsgi import application`.

The `.env` beside this file is read, from whatever folder the server starts.
"""

import gc

# What is made here stays for as long as the process does. A collector that looks through it again and again takes a
# tenth of the start, and with every few pages after it as long as a page does.
gc.disable()
try:
    from commentsite import create_app

    application = app = create_app()
    gc.freeze()
finally:
    gc.enable()
