@slow
Feature: Shipping order lines
  What a shop has sold elsewhere comes as a file, a row for each line of an order. Its
  pieces leave the shelf. The file may come again, be sorted or be interrupted.

  Background:
    Given the stock item "LAMP-0001" has 10 pieces on hand

  Rule: A line ships once, however often its file comes

    Example: Two equal lines of one order, and the file sorted otherwise
      Given the file "monday" of order lines has been replayed
        | order | sku       | quantity |
        | A     | LAMP-0001 | 1        |
        | B     | LAMP-0001 | 3        |
        | A     | LAMP-0001 | 1        |
      When the file "monday" of order lines is replayed
        | order | sku       | quantity |
        | A     | LAMP-0001 | 1        |
        | A     | LAMP-0001 | 1        |
        | B     | LAMP-0001 | 3        |
      Then 0 order lines ship, 3 are skipped and 0 are refused
      And the stock item "LAMP-0001" has 5 pieces on hand

  Rule: What only equals a line of another file is told, since it may be one more

    Example: The export of Tuesday repeats a line of Monday
      Given the file "monday" of order lines has been replayed
        | order | sku       | quantity |
        | A     | LAMP-0001 | 1        |
      When the file "tuesday" of order lines is replayed
        | order | sku       | quantity |
        | A     | LAMP-0001 | 1        |
        | B     | LAMP-0001 | 1        |
      Then 1 order line ships, 0 are skipped and 1 is refused
      And row 2 of order lines is refused because it has shipped from the file "monday"
      And the stock item "LAMP-0001" has 8 pieces on hand

  Rule: A name says which line it is, in any file

    Example: The lines of an order are numbered
      Given the file "monday" of order lines has been replayed
        | order | sku       | quantity | line |
        | A     | LAMP-0001 | 1        | 1    |
      When the file "tuesday" of order lines is replayed
        | order | sku       | quantity | line |
        | A     | LAMP-0001 | 1        | 1    |
        | A     | LAMP-0001 | 1        | 2    |
      Then 1 order line ships, 1 is skipped and 0 are refused
      And the stock item "LAMP-0001" has 8 pieces on hand

  Rule: A name says that a line is one of its own, even where one without a name is equal

    Example: The export has names of lines since Tuesday
      Given the file "monday" of order lines has been replayed
        | order | sku       | quantity |
        | A     | LAMP-0001 | 1        |
      When the file "tuesday" of order lines is replayed
        | order | sku       | quantity | line |
        | A     | LAMP-0001 | 1        | 7    |
        | A     | LAMP-0001 | 2        | 8    |
      Then 2 order lines ship, 0 are skipped and 0 are refused
      And it is told that row 2 equals an order line without a name
      And the stock item "LAMP-0001" has 6 pieces on hand

  Rule: A refused line remains the same line when it is corrected

    Example: More was asked for than there was
      Given the file "monday" of order lines has been replayed
        | order | sku       | quantity |
        | A     | LAMP-0001 | 8        |
        | A     | LAMP-0001 | 8        |
      When what was refused is corrected to 2 pieces and replayed
      Then 1 order line ships, 0 are skipped and 0 are refused
      And the stock item "LAMP-0001" has 0 pieces on hand

  Rule: A line with a date that is none is refused

    Example: The thirtieth of February
      When the file "monday" of order lines is replayed
        | order | sku       | quantity | ordered_on |
        | A     | LAMP-0001 | 1        | 2014-02-30 |
      Then 0 order lines ship, 0 are skipped and 1 is refused
      And the stock item "LAMP-0001" has 10 pieces on hand
