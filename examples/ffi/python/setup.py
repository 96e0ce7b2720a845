"""Builds the library into the package, through the one build that knows libvae's flags: scripts/build.mk.

It has the builtin matrix product, so that no system package is needed. A source distribution carries what the build
reads, in the folder libvae.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
ROOT = HERE / "libvae" if (HERE / "libvae").is_dir() else HERE.parents[2]
NEEDED = ["include", "src", "scripts", "LICENSE"]


def version():
    header = (ROOT / "include" / "vae.h").read_text()
    return ".".join(re.findall(r"define VAE_VERSION_\w+ (\d+)", header)[:3])


class Build(build_py):
    def run(self):
        super().run()
        out = Path(self.build_lib).resolve().parent / "libvae-objects"
        environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        subprocess.run(
            ["make", "-f", "scripts/build.mk", "-j%d" % (os.cpu_count() or 1), "shared", "BLAS=builtin", "ZLIB=yes",
             "OUT=%s" % out],
            cwd=ROOT, env=environment, check=True,
        )
        library = max(out.glob("libvae.so.*"), key=lambda path: len(path.name))
        shutil.copy(library, Path(self.build_lib) / "vae" / "_libvae.so")  # a name that no other package's library has


class Wheel(bdist_wheel):
    """For any Python 3 on this platform: there is a library inside, and no extension module."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class Binary(Distribution):
    """Has a library inside, so it goes where platform-dependent packages go."""

    def has_ext_modules(self):
        return True


class Sources(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for name in NEEDED:
            source, target = ROOT / name, Path(base_dir) / "libvae" / name
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)


setup(version=version(), distclass=Binary, cmdclass={"build_py": Build, "bdist_wheel": Wheel, "sdist": Sources})
