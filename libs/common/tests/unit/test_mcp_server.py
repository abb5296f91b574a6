"""Which programs may be started as MCP servers.

Covers: common.mcp.server
"""

import pytest

from common.mcp.server import AllowedCommands, words


@pytest.mark.parametrize(
    ("setting", "command", "allowed"),
    [
        ("mcp-server-time", "mcp-server-time", True),
        ("mcp-server-time", "mcp-server-time --local-timezone UTC", False),
        ("mcp-server-time *", "mcp-server-time --local-timezone UTC", True),
        ("mcp-server-time *", "mcp-server-time", True),
        ("mcp-server-time *", "mcp-server-times", False),
        ("a 'b c'", "a  b\\ c", True),
        ("a; b --x", "b --x", True),
        ("a\nb", "b", True),
        ("*", "sh -c id", False),
        ("", "sh", False),
        ("a *", "", False),
        ("a *", "a 'unclosed", False),
    ],
)
def test_only_what_the_operator_names_may_be_started(setting, command, allowed):
    assert AllowedCommands.of(setting).allow(command) is allowed


def test_a_command_line_is_read_as_a_shell_reads_words_without_a_shell():
    assert words("git --dir '/a b' $HOME;id") == ["git", "--dir", "/a b", "$HOME;id"]
