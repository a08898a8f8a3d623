"""What ISO 15118-2 and DIN 70121 have in common: schedules by PMax, and the steps of DC charging.

The two have message classes of their own, which differ in few fields. What is the same is written once, for a
:class:`secc.classic.words.Words`, which says whose classes to make.
"""
