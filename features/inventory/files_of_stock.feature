@slow
Feature: Counts and deliveries in files
  Who has counted a whole shelf, or got a pallet, has a list. It is booked line by line, and
  once, however often it comes.

  Background:
    Given the stock item "LAMP-0001" has 5 pieces on hand

  Rule: A list of counts sets what is on hand

    Example: Three lamps are found
      When this list of counts is booked because of "Stocktake"
        | sku       | on_hand |
        | LAMP-0001 | 3       |
      Then the stock item "LAMP-0001" has 3 pieces on hand
      And movement 2 of stock item "LAMP-0001" gives the reason "Stocktake"

    Example: A lamp is counted twice
      When this list of counts is booked because of "Stocktake"
        | sku       | on_hand |
        | LAMP-0001 | 3       |
        | LAMP-0001 | 4       |
      Then the list has 1 refused row
      And the stock item "LAMP-0001" has 3 pieces on hand

  Rule: The same list again changes nothing

    Example: Two lamps came in since
      Given this list of counts has been booked because of "Stocktake"
        | sku       | on_hand |
        | LAMP-0001 | 3       |
      When 2 pieces of stock item "LAMP-0001" are received
      And the same list of counts is booked again
      Then the stock item "LAMP-0001" has 5 pieces on hand

  Rule: A dry run tells what would be, and keeps nothing

    Example: A delivery is looked at before it is booked
      When this list of deliveries is booked as a dry run
        | sku       | quantity | reference |
        | LAMP-0001 | 2        | LS 1/7    |
        | LAMP-0001 | 3        | LS 1/7    |
      Then 1 row would be received and 1 row is refused
      And the stock item "LAMP-0001" has 5 pieces on hand

  Rule: A delivery is booked once, whatever list names it

    Example: Its note is on two lists
      When this list of deliveries is booked
        | sku       | quantity | reference |
        | LAMP-0001 | 2        | LS 1/7    |
      And this list of deliveries is booked
        | sku       | quantity | reference |
        | LAMP-0001 | 2        | LS 1/7    |
        | LAMP-0001 | 1        | LS 1/8    |
      Then the stock item "LAMP-0001" has 8 pieces on hand
