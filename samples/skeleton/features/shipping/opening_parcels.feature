@shipping
Feature: Opening a parcel
  A parcel is for one product. Shipping knows the products that the catalog tells of, and
  keeps the name that the product had when the parcel was opened.

  Rule: A parcel is opened for a product that is sold

    @quick
    Example: It keeps the name of the product
      Given the product "LAMP-0001" is registered as "Desk lamp"
      When the parcel "PARCEL-1" is opened for "LAMP-0001"
      Then the parcel "PARCEL-1" is for a "Desk lamp"

    Example: Nobody registered the product
      When the parcel "PARCEL-1" is opened for "LAMP-0001"
      Then that is refused because no product "LAMP-0001" is sold

    @quick
    Example: The product is discontinued
      Given the product "LAMP-0001" is registered as "Desk lamp"
      And the product "LAMP-0001" has been discontinued
      When the parcel "PARCEL-1" is opened for "LAMP-0001"
      Then that is refused because no product "LAMP-0001" is sold

  Rule: A parcel opens once

    Example: Opening it again changes nothing
      Given the product "LAMP-0001" is registered as "Desk lamp"
      And the parcel "PARCEL-1" is opened for "LAMP-0001"
      When the parcel "PARCEL-1" is opened for "LAMP-0001"
      Then nothing is recorded of the parcel "PARCEL-1"

    Example: Its product is renamed afterwards
      Given the product "LAMP-0001" is registered as "Desk lamp"
      And the parcel "PARCEL-1" is opened for "LAMP-0001"
      When the product "LAMP-0001" is renamed to "Work lamp"
      Then the parcel "PARCEL-1" is for a "Desk lamp"

    Example: It is opened for another product
      Given the product "LAMP-0001" is registered as "Desk lamp"
      And the product "DESK-0001" is registered as "Desk"
      And the parcel "PARCEL-1" is opened for "LAMP-0001"
      When the parcel "PARCEL-1" is opened for "DESK-0001"
      Then that is refused because the parcel "PARCEL-1" is for "LAMP-0001"
