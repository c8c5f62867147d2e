"""Sphinx settings. Everything is built offline; tutorials are executed, and an exception fails."""

import os
import pkgutil
import re
import shutil
from pathlib import Path

import graphkit

HERE = Path(__file__).parent

project = "graphkit"
author = "graphkit developers"
copyright = author
version = release = graphkit.__version__

extensions = [
    "myst_nb",
    "sphinx-mathjax-offline",  # copies MathJax and its fonts into the pages
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
# MyST-NB leaves the executed notebooks in jupyter_execute, beside _build.
exclude_patterns = ["_build", "jupyter_execute", "**/.ipynb_checkpoints"]
html_static_path = ["_static"]
html_css_files = ["pages.css"]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Tutorials are MyST notebooks (docs/tutorials/*.md).
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_execution_in_temp = True
nb_render_markdown_format = "myst"  # tables made by cells
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # the kernels have no widgets

autosummary_generate = False  # lists modules only: write_reference makes the pages
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_custom_sections = ["Shapes", "When to use"]
napoleon_use_ivar = True  # attributes described twice, in the class and by a property, are one
default_role = "code"

mathjax_path = "mathjax/tex-chtml.js"  # in _static: formulas need no net

html_theme = "furo"
html_title = "graphkit"
html_show_sourcelink = False
html_domain_indices = False  # the pages of the reference list the modules

# Fields of small classes are called alike (src, dst, edge_weight): a type in a signature that could
# link to several of them links to the first.
suppress_warnings = ["ref.python"]


def one_field_per_name(app, what, name, obj, options, lines):
    """Fields such as ``src, dst: Ends of the events.`` once for each name.

    Sphinx takes the first of two names for a type and looks for a target that is called so.
    """
    fields, start = [], 0
    while start < len(lines):
        stop = start + 1
        found = re.match(r":(ivar|param) (\w+(?:, \w+)+):(.*)", lines[start])
        if found is None:
            fields.append(lines[start])
        else:
            while stop < len(lines) and (not lines[stop] or lines[stop][0] == " "):
                stop += 1
            for one in found[2].split(", "):
                fields += [f":{found[1]} {one}:{found[3]}", *lines[start + 1 : stop]]
        start = stop
    lines[:] = fields


def write_reference(app):
    """One page per package, with a section per module; pages of an earlier build are removed."""
    folder = HERE / "api" / "generated"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packages = {"graphkit": []}
    for found in pkgutil.walk_packages(graphkit.__path__, "graphkit."):
        parent, _, name = found.name.rpartition(".")
        if name.startswith("_") or parent not in packages:
            continue
        if found.ispkg:
            packages[found.name] = []
        else:
            packages[parent].append(found.name)
    for package, modules in packages.items():
        (folder / f"{package}.rst").write_text(reference_page(package, modules), encoding="utf-8")


def reference_page(package, modules):
    """The text of the page of a package."""

    def documented(name, *options):
        return [f".. automodule:: {name}", *(f"   :{o}:" for o in options), ""]

    lines = [package, "=" * len(package), ""]
    if package != "graphkit":  # its names are documented where they are defined
        # A package that defines names of its own exports those of its modules as well.
        lines += documented(package, "members", *(["ignore-module-all"] if modules else []))
    if modules:
        lines += [
            ".. py:currentmodule:: None",
            "",
            ".. autosummary::",
            "",
            *(f"   {name}" for name in modules),
            "",
        ]
    for name in modules:
        lines += [name, "-" * len(name), "", *documented(name, "members")]
    return "\n".join(lines)


def link_notebook(app, docname, source):
    """A link to the executed notebook below the title of every tutorial."""
    if docname.startswith("tutorials/"):
        name = docname.partition("/")[2]
        link = f'<p class="notebook"><a href="../notebooks/{name}.ipynb" download>'
        link += "Download this page as a Jupyter notebook</a></p>"
        block = f"\n```{{raw}} html\n{link}\n```\n"
        source[0] = re.sub(
            r"^# .*\n", lambda title: title[0] + block, source[0], count=1, flags=re.M
        )


def copy_notebooks(app, exception):
    """The notebooks that MyST-NB has executed, as files that the pages link to."""
    if exception is None and app.builder.name == "html":
        target = Path(app.outdir) / "notebooks"
        target.mkdir(exist_ok=True)
        executed = Path(app.outdir).parent / "jupyter_execute" / "tutorials"
        for path in sorted(executed.glob("*.ipynb")):
            shutil.copy(path, target)


def setup(app):
    app.connect("builder-inited", write_reference)
    app.connect("source-read", link_notebook)
    app.connect("build-finished", copy_notebooks)
    app.connect("autodoc-process-docstring", one_field_per_name, priority=900)  # after napoleon
