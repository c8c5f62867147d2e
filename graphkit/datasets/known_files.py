"""Checksums of official files, for sets of several files; of one file they are in its ``Source``.

They are of files from the address itself, plain or with nothing but the container changed. Of the
sets that are not listed no untouched copy was at hand: their loaders compare sizes with the
published ones.
"""

from __future__ import annotations

__all__ = ["KNOWN_FILES"]

KNOWN_FILES: dict[str, tuple[int, str]] = {}
"""Bytes and sha256 of the file at an address."""


def _add(folder: str, files: str) -> None:
    for line in files.split("\n"):
        if line.strip():
            name, size, digest = line.split()
            KNOWN_FILES[folder + name] = (int(size), digest)


_add(
    "https://github.com/kimiyoung/planetoid/raw/master/data/",
    """
    ind.cora.x 22119 23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab
    ind.cora.tx 148025 b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a
    ind.cora.allx 257305 9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543
    ind.cora.y 4054 94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1
    ind.cora.ty 28135 41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad
    ind.cora.ally 47959 2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71
    ind.cora.graph 59847 58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d
    ind.cora.test.index 5000 297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875
    ind.citeseer.x 31087 d20de19150741e555de0ed037195630fc194114ebc7fd72ced62810148aa22f6
    ind.citeseer.tx 260321 539a8906a2da97628d212f2fdd668c109a8b3f0d36574b59e5d3fd5b5303da21
    ind.citeseer.allx 595021 2ac30345d95c9ec933a817ee0bdd6a5f077f8c184a20e696910192d534414668
    ind.citeseer.y 3014 8ba87e515d8e3ee3cf52f6d2c5b86aa73f11ecad825a808455209ec26cd54924
    ind.citeseer.ty 24135 55e5bd1ba1e733a04598753ad1a8d57957f4b8f89e74519f41f4f4938767e4ce
    ind.citeseer.ally 55623 f704b2d986dde6c2669934de1f3ae5696a6cf9455c0f6b2646a2d135ea0a1c95
    ind.citeseer.graph 61987 d79a4ef9d3e7169aee8946145f6b7306e35bc79bffad26346cfb94e10e9912a7
    ind.citeseer.test.index 5000 2af990671580b6b2df5d158d1038f8292e30c9cd821b5453f399659b25b723d4
    """,
)
_add(
    "https://github.com/lehaifeng/T-GCN/raw/master/data/",
    """
    los_speed.csv 3402125 7b732d86ae32b2930595becba28aff39dacbfb2197e250fc0332e1744ce2cbf4
    los_adj.csv 111686 7a6eb41e10677992b5af50f5ab187c6c05c5c3a92cb973950cfddbf857361e76
    """,
)
_add(
    "https://github.com/liyaguang/DCRNN/raw/master/data/sensor_graph/",
    """
    adj_mx.pkl 680459 a35687c6e15aa228dc45027b0ed2a0ea0f4ec78f573deb992c595092d12f61b3
    """,
)
_add(
    "https://raw.githubusercontent.com/benedekrozemberczki/pytorch_geometric_temporal/master/dataset/",
    """
    chickenpox.json 220340 724b48cfb274b2ecbb855bdb99b970b5ef9dd3671694fa477435dc1e08293735
    england_covid.json 1436945 497056cc4585b58951fd5cd17554fe0c535f68ea0c907a5b5727ae30e3913450
    pedalme_london.json 17156 8c42b893441901fb805c4f0f937543d5bb9297884ac3dec7622a3e9f7c35a79b
    """,
)
_add(
    "https://github.com/xinychen/transdim/raw/master/datasets/Hangzhou-data-set/",
    """
    tensor.mat 282799 55891c7e102a8352f3c8022f79bc588ae77a68625a565d79ed8aaadbf8e9202d
    graph.csv 13589 d2e3d362551d6fbf3cc6930f2fa9520e91fa0a2ae90b9a2b010eb42b0b128a09
    """,
)
_add(
    "https://github.com/xinychen/transdim/raw/master/datasets/NYC-data-set/",
    """
    tensor.mat 1020727 3514ad3922083176215590c4a59563464833b2d889764199de3913f71fff47be
    """,
)
_add(
    "https://github.com/fandulu/DD-Net/raw/master/data/JHMDB/",
    """
    GT_train_1.pkl 3681942 a64718621ddcc74438506b5b2f77df509d284b60cd2fef197a4a3a29c6557805
    GT_test_1.pkl 1432996 f27972c6dd3267b39055a4242dda5becff6afe89c26f62d5e2100f9e1921bcb0
    """,
)
