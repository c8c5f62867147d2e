"""Sphinx settings. Everything is built offline; tutorials are executed, and an exception fails."""

import os
import re
import shutil
from pathlib import Path

import graphkit

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
templates_path = ["_templates"]

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

# The reference is every module of the package: adding one needs no line here.
autosummary_generate_overwrite = True
# Nor does removing one: pages of an earlier build do not stay.
shutil.rmtree(Path(__file__).parent / "api" / "generated", ignore_errors=True)
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_custom_sections = ["Shapes"]
napoleon_use_ivar = True  # attributes described twice, in the class and by a property, are one
default_role = "code"

mathjax_path = "mathjax/tex-chtml.js"  # in _static: formulas need no net

html_theme = "furo"
html_title = "graphkit"

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


def setup(app):
    app.connect("autodoc-process-docstring", one_field_per_name, priority=900)  # after napoleon
