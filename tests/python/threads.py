"""Functions in threads of their own, with what becomes of them."""

import contextlib
import threading

from processes import PATIENCE


class Thread(threading.Thread):
    """A thread that hands its result, or its exception, to join()."""

    def __init__(self, function):
        super().__init__(daemon=True)
        self.function = function
        self.result = self.error = None

    def run(self):
        try:
            self.result = self.function()
        except BaseException as error:
            self.error = error

    def join(self, timeout=PATIENCE):
        super().join(timeout)
        assert not self.is_alive(), "the thread hangs"
        if self.error is not None:
            raise self.error
        return self.result


@contextlib.contextmanager
def thread(function):
    running = Thread(function)
    running.start()
    yield running
    running.join()
