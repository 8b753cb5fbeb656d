"""Flask: a list that says nothing about caching, a form that adds to it, and a page for each session."""
from flask import Flask, jsonify, redirect, request, session

app = Flask(__name__)
app.secret_key = "only for this test"
products = ["chair"]


@app.get("/products")
def all_products():
    return jsonify(products)


@app.post("/products")
def add_product():
    products.append(request.form["name"])
    return redirect("/products", code=303)


@app.delete("/products")
def remove_products():
    products.clear()
    return "", 204


@app.post("/login")
def login():
    session["name"] = request.form["name"]
    return "", 204


@app.get("/account")
def account():
    return jsonify(name=session.get("name"))
