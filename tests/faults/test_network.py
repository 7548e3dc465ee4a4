"""Bad links, in network namespaces: packets that are lost, short ones, and a link that
dies."""

import pathlib
import shutil
import subprocess
import sys

import pytest

LINK = pathlib.Path(__file__).with_name("link.py")


def over_a_link(*arguments):
    for program, package in (("unshare", "util-linux"), ("nft", "nftables"), ("ip", "iproute2")):
        assert shutil.which(program), (
            f"'{program}' is needed by the tests: apt-get install {package}"
        )
    done = subprocess.run(
        ["unshare", "--map-root-user", "--net", sys.executable, LINK, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("loss", "mtu", "count"), [(5, 65536, 1 << 20), (15, 65536, 1 << 18), (5, 576, 1 << 18)]
)
def test_packets_that_are_lost_cost_no_data(loss, mtu, count):
    over_a_link(loss, mtu, count)


def test_a_link_that_dies_is_noticed_in_the_time_limit():
    over_a_link("dies")
