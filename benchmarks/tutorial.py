"""The comment site that beginners' tutorials build: every comment on one page, below them a form.

TUTORIAL_DATABASE_URL says where its comments are. Nothing here is made faster or slower than such a tutorial leaves it.
"""

from __future__ import annotations

import os
from datetime import datetime

from flask import Flask, redirect, render_template, request, url_for
from flask_sqlalchemy import SQLAlchemy
from jinja2 import DictLoader
from werkzeug.wrappers import Response

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="https://cdn.example.com/bootstrap/3.3.7/css/bootstrap.min.css">
<title>My scratchboard page</title>
</head>
<body>
<nav class="navbar navbar-inverse">
<div class="container">
<div class="navbar-header">
<button type="button" class="navbar-toggle collapsed" data-toggle="collapse" data-target="#navbar">
<span class="sr-only">Toggle navigation</span>
<span class="icon-bar"></span>
<span class="icon-bar"></span>
<span class="icon-bar"></span>
</button>
<a class="navbar-brand" href="#">My scratchpad</a>
</div>
</div>
</nav>
<div class="container">
{% for comment in comments %}
<div class="row" style="margin-bottom: 1ex">
<div>{{ comment.content }}</div>
<div><small>Posted {{ comment.posted.strftime("%A, %d %B %Y at %H:%M") }}</small></div>
</div>
{% endfor %}
<div class="row">
<form action="." method="POST">
<textarea class="form-control" name="contents" placeholder="Enter a comment"></textarea>
<input type="submit" class="btn btn-success" value="Post comment">
</form>
</div>
</div>
</body>
</html>
"""

app = Flask(__name__)
app.jinja_loader = DictLoader({"main_page.html": PAGE})
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["TUTORIAL_DATABASE_URL"]
app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
db = SQLAlchemy(app)


class Comment(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "comments"
    id = db.Column(db.Integer, primary_key=True)
    content = db.Column(db.String(4096))
    posted = db.Column(db.DateTime, default=datetime.now)


@app.route("/", methods=["GET", "POST"])
def index() -> str | Response:
    if request.method == "GET":
        return render_template("main_page.html", comments=Comment.query.all())
    comment = Comment(content=request.form["contents"])
    db.session.add(comment)
    db.session.commit()
    return redirect(url_for("index"))
