"""The commands of ``graphkit``, one module each.

The first line of a module's docstring stands in ``graphkit --help``, all of it in
``graphkit COMMAND --help``. ``add_arguments(parser)`` declares its arguments and ``run(args)``
returns the exit code; what they need is imported when they run.
"""
