# Comments of a header as Doxygen wants them: behind code they belong to what is before them.
1s|/\* |/** @file\n * |
s|\([^ ].*\) /\* |\1 /**< |
s|^\( *\)/\* |\1/** |
