"""What tests of trees need: a pytest plugin with a tree for each test, and a check that nothing is left behind.

Nothing is imported here, because pytest loads the plugin in every suite of the environment, used or not.
"""
