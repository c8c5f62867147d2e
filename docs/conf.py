"""Sphinx settings. Everything is built offline; tutorials are executed, and an exception fails."""

import os

import graphkit

project = "graphkit"
author = "graphkit developers"
copyright = author
version = release = graphkit.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]
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
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_custom_sections = ["Shapes"]
napoleon_use_ivar = True  # attributes described twice, in the class and by a property, are one
default_role = "code"

html_theme = "furo"
html_title = "graphkit"
