"""Processes of a run, which is asyncio's."""

import asyncio
import time

from child_process import ChildProcess

START_SECONDS = 30


class Process(ChildProcess):
    async def wait_until(self, is_ready):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_running:
            if await is_ready():
                return
            await asyncio.sleep(0.02)
        raise self.start_failure()

    def signal(self, number):
        if self.is_running:
            self.process.send_signal(number)
