"""Help that is a manual: how its text is broken, and where it stands; and what a bad argument is answered."""

import argparse

import pytest

from nnlite.codec.manual import MANUAL_WIDTH, Parser, positive_number


@pytest.fixture
def shown(monkeypatch, capsys):
    """A function that returns the lines of a manual, and those below the options, on a terminal of so many columns."""

    def shown(manual, columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit):
            Parser("p", manual).parse_args(["--help"])
        usage, *lines = capsys.readouterr().out.splitlines()
        assert usage == "usage: p [-h]"
        options = lines.index("options:")
        _, *below = "\n".join(lines[options:]).split("\n\n", 1)
        return lines[1 : options - 1], "".join(below).splitlines()

    return shown


def test_paragraphs_and_rows_are_broken_for_the_terminal(shown):
    text = "Paragraph\nin two lines of the source.\n\n  name  what it is,\n        in more words\n  other  row\n\nThe\nnext."
    expected = ["Paragraph in two lines of the", "source.", "", "  name  what it is, in more", "        words", "  other  row"]
    assert shown(text, 32) == ([*expected, "", "The next."], [])


def test_what_is_indented_below_a_paragraph_or_less_than_a_row_begins_anew(shown):
    text = "Paragraph:\n  row  of words\nend\n  other\n\n  last"
    assert shown(text, 32) == (text.splitlines(), [])


@pytest.mark.parametrize("command", ["python -m demos.mnist --epochs 5 --help", "nnlite info a-file-of-some-length.nnl --json"])
def test_a_command_stays_one_line_to_be_copied(shown, command):
    assert shown(f"Text.\n\nexamples:\n  {command}\n  {command}", 32) == (["Text."], ["examples:", f"  {command}", f"  {command}"])


def test_words_are_not_broken(shown):
    word = 20 * "ab-"
    assert shown(f"A {word} B", 32)[0] == ["A", word, "B"]


@pytest.mark.parametrize(("columns", "width"), [(60, 58), (102, 100), (103, 100), (250, 100)])
def test_lines_fill_the_terminal_up_to_100_columns(shown, columns, width):
    assert MANUAL_WIDTH == 100
    lines, _ = shown("x" + 300 * " x", columns)
    assert {len(line) for line in lines[:-1]} == {width - 1}  # of words with blanks between them
    assert shown("x" * (width - 2) + " x", columns)[0] == ["x" * (width - 2) + " x"]
    assert shown("x" * (width - 1) + " x", columns)[0] == ["x" * (width - 1), "x"]


def test_what_begins_with_a_heading_in_small_letters_stands_below_the_options(shown):
    text = "About.\n\nNote: above.\n\nexit codes: 0, 1\n\nexamples:\n  row"
    assert shown(text, 80) == (["About.", "", "Note: above."], ["exit codes: 0, 1", "", "examples:", "  row"])


def test_without_a_manual_there_are_only_options(shown):
    assert shown(None, 80) == ([], [])


def test_further_options_are_those_of_argparse(capsys):
    with pytest.raises(SystemExit):
        Parser("p", usage="%(prog)s ...").parse_args(["--help"])
    assert capsys.readouterr().out.startswith("usage: p ...\n")


def test_a_bad_argument_is_one_line_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as leaving:
        Parser("p").parse_args(["--unknown"])
    out, err = capsys.readouterr()
    assert (leaving.value.code, out, err) == (2, "", "p: unrecognized arguments: --unknown (see --help)\n")


@pytest.mark.parametrize("text", ["5e-324", "0.5", " 3 ", "1e308"])
def test_a_positive_number_is_taken_as_float_does(text):
    assert positive_number(text) == float(text)


@pytest.mark.parametrize("text", ["0", "-0.5", "inf", "nan", "1e309", "", "three"])
def test_what_is_no_positive_number_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a positive number, received"):
        positive_number(text)
