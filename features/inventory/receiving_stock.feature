Feature: Receiving stock
  A supplier delivers, and the pieces go on the shelf.

  Rule: Received pieces are on hand and available at once

    Example: A delivery adds to what there is
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When 3 pieces of stock item "LAMP-0001" are received
      Then the stock item "LAMP-0001" has 8 pieces on hand
      And the stock item "LAMP-0001" has 6 pieces available

  Rule: At least one piece is received

    Example: An empty delivery
      Given the stock item "LAMP-0001" has 5 pieces on hand
      When 0 pieces of stock item "LAMP-0001" are received
      Then that is refused because a quantity is at least 1 piece
      And the stock item "LAMP-0001" has 5 pieces on hand

  Rule: A delivery note is booked once, if it is given

    Example: Two people book the same delivery note
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And 3 pieces of stock item "LAMP-0001" were received by "DN-2026/17"
      When 3 pieces of stock item "LAMP-0001" are received by "DN-2026/17"
      Then that is refused because 3 pieces were received by "DN-2026/17" before
      And the stock item "LAMP-0001" has 8 pieces on hand

    Example: One delivery brings lamps and chairs
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And the stock item "CHAIR-0001" has 0 pieces on hand
      And 3 pieces of stock item "LAMP-0001" were received by "DN-2026/17"
      When 2 pieces of stock item "CHAIR-0001" are received by "DN-2026/17"
      Then the stock item "CHAIR-0001" has 2 pieces on hand
      And movement 2 of stock item "CHAIR-0001" names the delivery "DN-2026/17"

  Rule: What was decided on an older state is refused

    Example: Two people book the same delivery
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And Ann and Bob both look at stock item "LAMP-0001"
      When Ann books 3 received pieces of stock item "LAMP-0001"
      And Bob books 3 received pieces of stock item "LAMP-0001"
      Then Bob is refused because the stock item has changed since he looked
      And the stock item "LAMP-0001" has 8 pieces on hand
