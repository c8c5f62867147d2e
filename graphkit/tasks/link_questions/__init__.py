"""The questions of link prediction: split, candidates and history of a protocol; one file each."""

from graphkit.tasks.link_questions.by_time import TimeQuestions
from graphkit.tasks.link_questions.dyglib import DyGLibQuestions
from graphkit.tasks.link_questions.questions import Column, LinkQuestions
from graphkit.tasks.link_questions.tgb import TGBQuestions

__all__ = ["Column", "DyGLibQuestions", "LinkQuestions", "TGBQuestions", "TimeQuestions"]
