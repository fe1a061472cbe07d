Feature: Reserving stock
  An order asks for pieces, which are held for it until it ships, is released or runs
  out of time.

  Rule: Reserved pieces stay on hand and are no longer available

    Example: Two of five pieces are held for an order
      Given the stock item "LAMP-0001" has 5 pieces on hand
      When order "A" reserves 2 pieces of stock item "LAMP-0001"
      Then the stock item "LAMP-0001" has 5 pieces on hand
      And the stock item "LAMP-0001" has 2 pieces reserved
      And the stock item "LAMP-0001" has 3 pieces available

  @quick
  Rule: No more pieces can be reserved than are available

    Example: The last piece goes to the first order
      Given the stock item "LAMP-0001" has 1 piece on hand
      When order "A" reserves 1 piece of stock item "LAMP-0001"
      And order "B" reserves 1 piece of stock item "LAMP-0001"
      Then that is refused because 1 piece was asked for and 0 are available
      And order "A" holds 1 piece of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 0 pieces available

    Example: An order is not served in part
      Given the stock item "LAMP-0001" has 5 pieces on hand
      When order "A" reserves 6 pieces of stock item "LAMP-0001"
      Then that is refused because 6 pieces were asked for and 5 are available
      And the stock item "LAMP-0001" has 5 pieces available

  Rule: The same order again is the same reservation

    Example: An order is sent twice
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When order "A" reserves 2 pieces of stock item "LAMP-0001"
      Then nothing is recorded of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 3 pieces available

  Rule: An order that reserves another quantity holds that quantity

    Example: It wants one more
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When order "A" reserves 3 pieces of stock item "LAMP-0001"
      Then order "A" holds 3 pieces of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 2 pieces available

    Example: It wants one less
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When order "A" reserves 1 piece of stock item "LAMP-0001"
      Then order "A" holds 1 piece of stock item "LAMP-0001"
      And the stock item "LAMP-0001" has 4 pieces available

    Example: It wants more than there is, and keeps what it holds
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And order "A" has reserved 2 pieces of stock item "LAMP-0001"
      When order "A" reserves 6 pieces of stock item "LAMP-0001"
      Then that is refused because 6 pieces were asked for and 3 are available
      And order "A" holds 2 pieces of stock item "LAMP-0001"

  Rule: An order that changes what it holds keeps its place among the others

    Example: The order that came first keeps its pieces
      Given the stock item "LAMP-0001" has 9 pieces on hand
      And order "A" has reserved 2 pieces of stock item "LAMP-0001"
      And order "B" has reserved 2 pieces of stock item "LAMP-0001"
      And order "A" has reserved 3 pieces of stock item "LAMP-0001"
      When 3 pieces of stock item "LAMP-0001" are counted because of "breakage"
      Then the count released the orders "B"

  Rule: It can be seen which orders hold how many pieces, in the order of their coming

    Example: Two orders
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And order "B" has reserved 2 pieces of stock item "LAMP-0001"
      And order "A" has reserved 1 piece of stock item "LAMP-0001"
      Then the holds on stock item "LAMP-0001" are "B: 2, A: 1"

  Rule: What is available of several things is told at once

    Example: The things in a basket
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And the stock item "CHAIR-0001" has 4 pieces on hand
      When order "A" reserves 2 pieces of stock item "LAMP-0001"
      Then of "CHAIR-0001, SOFA-0001, LAMP-0001" are available "4, unknown, 3"

  Rule: An order that has shipped all it held cannot reserve again

    Example: An old order comes back
      Given the stock item "LAMP-0001" has 5 pieces on hand
      And order "A" has shipped 2 pieces of stock item "LAMP-0001"
      When order "A" reserves 2 pieces of stock item "LAMP-0001"
      Then that is refused because order "A" has already shipped
      And the stock item "LAMP-0001" has 3 pieces available

  Rule: An order goes by the reference that its owner gave it

    Scenario Outline: Other systems have references of their own
      Given the stock item "LAMP-0001" has 5 pieces on hand
      When order "<order>" reserves 2 pieces of stock item "LAMP-0001"
      Then order "<order>" holds 2 pieces of stock item "LAMP-0001"

      Examples:
        | order        |
        | #1001        |
        | SO/2024/0001 |
        | 1001 A       |
        | BÜ-12        |
