"""How programs end: a full disk is one line and no traceback."""

import errno

import pytest
from tiny_data import one_line

from programs import run


def test_a_full_disk_is_one_line_and_exit_code_1(capsys):
    def main():
        raise OSError(errno.ENOSPC, "No space left on device", "out/page.html")

    with pytest.raises(SystemExit) as leaving:
        run(main)
    err = capsys.readouterr().err
    assert leaving.value.code == 1 and one_line(err) and "No space left on device: 'out/page.html'" in err


def test_another_error_is_raised_as_it_is():
    def main():
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        run(main)
