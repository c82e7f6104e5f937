#!/usr/bin/python3
"""Every subcommand's help, man page, completion and answer to a wrong command line.

usage: test_usage.py ULITE SOURCE_FOLDER BUILD_FOLDER"""
import os
import re
import subprocess
import sys

from skipping import has

ULITE, SOURCE, BUILD = sys.argv[1:4]


def ulite(*arguments, code=0):
    done = subprocess.run([ULITE, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


OVERVIEW = ulite("--help").stdout
COMMANDS = re.findall(r"^  ([a-z]+) +\S", OVERVIEW, re.M)


def options(command):
    """The long options that the command's --help tells of, with whether they take a value."""
    return re.findall(r"^  (?:-\w, |    )--([a-z0-9-]+)( \S+)?(?: |$)", ulite("help", command).stdout, re.M)


def in_words(text):
    return " ".join(text.split())


def test_overview():
    assert len(COMMANDS) >= 9 and len(set(COMMANDS)) == len(COMMANDS)
    assert ulite("help").stdout == ulite("-h").stdout == OVERVIEW
    with open(f"{SOURCE}/VERSION") as stream:
        assert ulite("--version").stdout == f"ulite {stream.read().strip()}\n"
    nothing = ulite(code=2)
    assert nothing.stderr == OVERVIEW and not nothing.stdout
    for arguments in (["nonsense"], ["help", "nonsense"], ["--nonsense"]):
        done = ulite(*arguments, code=2)
        assert "nonsense" in done.stderr and "--help" in done.stderr and not done.stdout


def test_help():
    for command in COMMANDS:
        text = ulite("help", command).stdout
        assert text.startswith(f"Usage: ulite {command} ")
        for ask in (["--help"], ["-h"], ["absent", "--help"]):
            assert ulite(command, *ask).stdout == text, (command, ask)
        examples = re.findall(rf"^  (?:\S+=\S+ )?ulite {command}\b", text.split("Examples:")[1], re.M)
        assert len(examples) >= 2, command
        for line in text.splitlines():
            assert len(line) <= 80, (command, line)
        names = [name for name, _ in options(command)]
        assert len(set(names)) == len(names) and {"help", "quiet", "debug", "max-memory"} <= set(names), command


def test_wrong_options():
    for command in COMMANDS:
        wrong = [["--nonsense"], ["-Z"]]
        wrong += [[f"--{name}"] for name, argument in options(command) if argument]
        wrong += [[f"--{name}=1"] for name, argument in options(command) if not argument]
        for arguments in wrong:
            done = ulite(command, *arguments, code=2)
            first, second = done.stderr.splitlines()
            assert first.startswith(f"ulite {command}: ") and arguments[0].split("=")[0].strip("-") in first, first
            assert second == f"see `ulite {command} --help`" and not done.stdout
        if command not in ("models", "bench", "serve"):  # which run without arguments
            done = ulite(command, code=2)
            assert done.stderr.startswith(f"ulite {command}: ") and f"`ulite {command} --help`" in done.stderr


def test_debug():
    with open(f"{SOURCE}/VERSION") as stream:
        version = stream.read().strip()
    last = ulite("info", "--debug", "absent", code=3).stderr.splitlines()[-1]
    assert re.fullmatch(rf"ulite {version}: kernels \w+, \d+ cores, [\d.]+ s of them used, "
                        r"peak memory \d+ MiB, exit 3 \(input error\)", last), last


def test_man_pages():
    if not has("man"):
        return
    with open(f"{SOURCE}/docs/exit-codes.md") as stream:
        codes = re.findall(r"^\| (\d+) \| `\w+` \| (.*?) \|", stream.read(), re.M)
    assert len(codes) == 13
    for command in ["", *COMMANDS]:
        page = f"{BUILD}/apps/man/ulite{'-' if command else ''}{command}.1"
        done = subprocess.run(["man", "--warnings", "--nh", "--nj", "-E", "ascii", "-l", page], capture_output=True,
                              text=True, env={**os.environ, "MANWIDTH": "100", "MAN_KEEP_FORMATTING": ""})
        assert done.returncode == 0 and not done.stderr, (page, done.stderr)
        text = in_words(re.sub(".\b", "", done.stdout))
        for code, meaning in codes:
            assert f"{code} {in_words(meaning)} " in text, (page, code)
        for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "ENVIRONMENT", "FILES"):
            assert f" {section} " in text, (page, section)
        help_text = ulite("help", command).stdout if command else ""
        told = re.split(r"\n(?=  (?:-\w, |    )--)|\n\n|\n  (?=\S)", help_text.removeprefix("Usage: "))
        for part in told if command else COMMANDS:
            assert in_words(part.replace("Examples:", "EXAMPLES").split("\n       ulite")[0]) in text, (page, part)


def complete(*words):
    script = (f'compopt() {{ :; }}; PATH={os.path.dirname(ULITE)}:$PATH; . {SOURCE}/apps/ulite.bash; '
              'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ulite; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True,
                          cwd=f"{SOURCE}/docs", env={**os.environ, "ULITE_MODELS": f"{BUILD}/fixtures"})
    assert not done.stderr, done.stderr
    return done.stdout.split()


def test_completion():
    assert sorted(complete("ulite", "")) == sorted(["help", *COMMANDS])
    assert complete("ulite", "help", "ver") == ["verify"]
    for command in COMMANDS:
        offered = complete("ulite", command, "--")
        assert len(offered) == len(set(offered))
        assert sorted(offered) == sorted(f"--{name}" for name, _ in options(command)), command
    assert complete("ulite", "convert", "x", "--type", "f") == ["fractional"]
    assert complete("ulite", "convert", "x", "--grid", "") == ["original", "regular"]
    assert complete("ulite", "convert", "x", "--names", "cli.") == ["cli.md"]
    assert complete("ulite", "info", "model-f") == ["model-format.md"]
    assert complete("ulite", "segment", "x", "-m", "ax") == ["axial"]


for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name)
