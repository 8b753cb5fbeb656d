"""FastAPI: /tasks says nothing about caching, /items does; an event stream; a WebSocket that echoes."""
import asyncio

from fastapi import FastAPI, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI()
tasks = {1: "write", 2: "test"}
items = {1: "apple"}


class Named(BaseModel):
    name: str


@app.get("/tasks/{number}")
def task(number: int):
    return {"id": number, "name": tasks[number]}


@app.put("/tasks/{number}")
def change_task(number: int, task: Named):
    tasks[number] = task.name
    return {"id": number, "name": task.name}


@app.get("/items")
def all_items(response: Response):
    response.headers["Cache-Control"] = "max-age=60"
    response.headers["Cache-Groups"] = '"items"'
    return list(items.values())


@app.post("/items", status_code=201)
def add_item(item: Named, response: Response):
    items[len(items) + 1] = item.name
    response.headers["Location"] = f"/items/{len(items)}"
    return item


@app.put("/items/{number}")
def change_item(number: int, item: Named, response: Response):
    """The list is another URL: its group says that it has changed too (RFC 9875)."""
    items[number] = item.name
    response.headers["Cache-Group-Invalidation"] = '"items"'
    return item


@app.get("/ticks")
async def ticks():
    """An event at once, and one that never comes within the test."""
    async def events():
        yield "data: 1\n\n"
        await asyncio.sleep(60)
        yield "data: 2\n\n"

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "max-age=60"})


@app.websocket("/events")
async def echo(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text("echo " + await websocket.receive_text())
    except WebSocketDisconnect:
        pass
