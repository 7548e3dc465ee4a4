"""Sub-interpreters, as mod_wsgi has them: they are refused, with what to do instead."""

import subprocess
import sys
import textwrap

from conftest import PATIENCE

RUN = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

def run(interpreter, code):
    path = "sys.path[:0] = " + repr(sys.path)
    failure = None
    try:
        if hasattr(interpreters, "exec"):
            failure = interpreters.exec(interpreter, "import sys; " + path + chr(10) + code)
        else:
            interpreters.run_string(interpreter, "import sys; " + path + chr(10) + code)
    except Exception as error:
        failure = error
    assert failure is None, failure

def create(isolated):
    if sys.version_info >= (3, 13):
        return interpreters.create("isolated" if isolated else "legacy")
    return interpreters.create(isolated=isolated)

REFUSED = '''
for _ in range(2):
    try:
        import tlsmith
    except ImportError as error:
        assert "sub-interpreter" in str(error) and "WSGIApplicationGroup" in str(error), error
    else:
        raise AssertionError("tlsmith was imported")
'''

def check_main():
    import tlsmith
    try:
        tlsmith.CA.load(b"x")
    except tlsmith.CertError:
        pass
    else:
        raise AssertionError("that is no CA")
    assert isinstance(tlsmith.CA().cert, tlsmith.Certificate)
"""


def run(code):
    program = RUN + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr


def test_a_sub_interpreter_refuses_the_import():
    run(
        """
        check_main()
        for isolated in (False, True):
            for _ in range(2):
                interpreter = create(isolated)
                run(interpreter, REFUSED)
                check_main()
                interpreters.destroy(interpreter)
                check_main()
        """
    )


def test_the_main_interpreter_may_come_after_sub_interpreters():
    run(
        """
        first, second = create(False), create(True)
        run(first, REFUSED)
        interpreters.destroy(first)
        run(second, REFUSED)
        check_main()
        interpreters.destroy(second)
        check_main()
        """
    )
