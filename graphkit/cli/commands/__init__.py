"""The commands of ``graphkit``, one module each.

The first line of a module's docstring is shown by ``graphkit --help`` and all of it by
``graphkit COMMAND --help``. ``add_arguments(parser)`` declares the arguments and ``run(args)``
returns the exit code; the packages that they need are imported when they run.
"""
