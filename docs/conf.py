"""Sphinx settings. Everything is built offline; tutorials are executed, and an exception fails."""

from importlib.metadata import version as installed_version

project = "graphkit"
author = "graphkit developers"
copyright = author
version = release = installed_version("graphkit")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Tutorials are MyST notebooks (docs/tutorials/*.md).
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_custom_sections = ["Shapes"]
default_role = "code"

html_theme = "furo"
html_title = "graphkit"
