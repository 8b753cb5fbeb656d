"""LightAPI: one class is table, schema and endpoint. Its responses say nothing about caching."""
import os

from lightapi import Field, LightApi, RestEndpoint
from sqlalchemy import create_engine


class BookEndpoint(RestEndpoint):
    title: str = Field(min_length=1)


api = LightApi(engine=create_engine(f"sqlite:///{os.environ['BOOKS']}"))
api.register({"/books": BookEndpoint})
app = api.build_app()
