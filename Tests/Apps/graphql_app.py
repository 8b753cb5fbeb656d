"""Strawberry: a query, and a mutation that counts how often it ran."""
import strawberry
from strawberry.asgi import GraphQL

count = 0


@strawberry.type
class Query:
    @strawberry.field
    def total(self, plus: int = 0) -> int:
        return count + plus


@strawberry.type
class Mutation:
    @strawberry.mutation
    def increment(self) -> int:
        global count
        count += 1
        return count


app = GraphQL(strawberry.Schema(Query, Mutation))
